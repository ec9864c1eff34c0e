"""What can be wrong with a document or with the file that is to become one."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class DocumentNotFoundError(BranchlineError):
    """There is no such document, or no such version of it, for who asks."""

    code = "document-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such document here.")


class DocumentChangedMeanwhileError(BranchlineError):
    """Somebody saved this document after the page was opened; nothing was written."""

    code = "document-changed-meanwhile"
    kind = Kind.CONFLICT
    message = N_("%(who)s changed this document meanwhile, so nothing was saved. Compare, then save again.")


class DocumentRetiredError(BranchlineError):
    """The document is retired, or is not, and so cannot be what was asked."""

    code = "document-retired"
    kind = Kind.CONFLICT
    message = N_("Somebody has retired or restored this document meanwhile. Look at it again.")


class DocumentDamagedError(BranchlineError):
    """The bytes are not those that were stored; they are given to nobody."""

    code = "document-damaged"
    kind = Kind.UNAVAILABLE
    message = N_(
        "The bytes of this document are not those that were stored, so they are not shown. "
        "Tell an administrator: a backup has them."
    )


class StaysSensitiveError(FieldError):
    """An identity paper cannot be called something that is opened without a reason."""

    code = "document-stays-sensitive"
    message = N_("An identity paper stays one. If it is none, retire this document and add the file again.")


class OpeningReasonError(BranchlineError):
    """An identity paper is opened for a reason only."""

    code = "document-reason"
    message = N_("Say why you open this identity paper; it is written into the operation log.")


class RetireReasonError(FieldError):
    """A document is retired for a reason only."""

    code = "document-retire-reason"
    message = N_("Say in %(least)s to %(most)s characters why it is retired.")


class FileMissingError(FieldError):
    """No file came with the form."""

    code = "document-file-missing"
    message = N_("Choose at least one file.")


class TooManyFilesError(FieldError):
    """More files than are taken at once."""

    code = "document-files"
    message = N_("At most %(most)s files are taken at once.")


class FileNameError(FieldError):
    """The name hides something, or is too long."""

    code = "document-file-name"
    message = N_("The name %(name)s is longer than 200 characters or holds hidden ones: rename the file.")


class FileEmptyError(FieldError):
    """There is nothing in the file."""

    code = "document-file-empty"
    message = N_("%(name)s is empty.")


class FileTooLargeError(FieldError):
    """The file is larger than the node's setting allows."""

    code = "document-file-large"
    message = N_("%(name)s is larger than %(most)s MB. Scan it in fewer dots, or in parts.")


class FileFormError(FieldError):
    """The bytes are of no kind that is kept."""

    code = "document-file-form"
    message = N_("%(name)s is not a kind of file that is kept here. Take one of: %(forms)s.")


class FileMisnamedError(FieldError):
    """The name says one kind of file, the bytes another."""

    code = "document-file-misnamed"
    message = N_("%(name)s is by its content a %(real)s file. Give it the right ending, or save it anew.")


class FileLockedError(FieldError):
    """The file is encrypted: nobody could read it later."""

    code = "document-file-locked"
    message = N_("%(name)s is locked with a password. Save it without one.")


class FileMacrosError(FieldError):
    """An Office file with programs in it."""

    code = "document-file-macros"
    message = N_("%(name)s holds macros. Save it without them.")


class DocumentsFullError(BranchlineError):
    """The node's setting for all documents together is used up."""

    code = "documents-full"
    kind = Kind.CONFLICT
    message = N_(
        "%(name)s was not kept: documents may fill %(most)s MB of this node, and that is used up. "
        "An administrator can raise documents_quota_mb in config.toml."
    )
