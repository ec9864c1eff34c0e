"""The one door from a branch to the network."""

import io
import time
from typing import Final

import requests

from branch_node.runtime import Answer, Request
from shared.errors import N_, BranchlineError, Kind

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 60.0
# The slowest line we wait for: what is sent lies in buffers for as long as it takes, before HQ can answer.
SLOWEST_BYTES_A_S: Final = 4_000
# The job that sends is given up after ten minutes.
LONGEST_READ_S: Final = 480.0
MOST_ANSWER_BYTES: Final = 2 * 2**20


class NoAnswerError(BranchlineError):
    """HQ could not be reached, or did not answer in time; the same request may be sent again."""

    code = "no-answer"
    kind = Kind.UNAVAILABLE
    message = N_("Head office cannot be reached: %(reason)s")
    retryable = True


class HttpTransport:
    """Carries requests over HTTP(S), with timeouts, without redirects and without reading endless answers."""

    def __init__(self) -> None:
        """Keep one connection open from request to request."""
        self._session = requests.Session()

    def send(self, request: Request) -> Answer:
        """Send one request and wait for its answer."""
        try:
            with self._session.request(
                request.method,
                request.url,
                # Read piece by piece: each has its own time to get away, however many there are.
                data=io.BytesIO(request.body) if request.body else None,
                headers=dict(request.headers),
                timeout=(CONNECT_TIMEOUT_S, answer_timeout(len(request.body))),
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, _read(response), headers)
        except (requests.RequestException, OSError) as error:
            # The session may hold a half-dead connection; the next request starts on a new one.
            self._session.close()
            raise NoAnswerError(reason=_plain(error)) from error


def answer_timeout(size: int) -> float:
    """Return how many seconds to wait for the answer to a request of `size` bytes."""
    return min(LONGEST_READ_S, READ_TIMEOUT_S + size / SLOWEST_BYTES_A_S)


def _read(response: requests.Response) -> bytes:
    """Read an answer piece by piece, so that one that never ends, or never comes to its end, is given up."""
    started, pieces, size = time.monotonic(), [], 0
    for piece in response.iter_content(chunk_size=None):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_ANSWER_BYTES or time.monotonic() - started > READ_TIMEOUT_S:
            raise NoAnswerError(reason="the answer is too long to be head office's")
    return b"".join(pieces)


def _plain(error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    return str(cause)[:200] or type(error).__name__
