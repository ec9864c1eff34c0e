"""Work that nobody waits for: each job runs once when due, whatever number of processes a node has."""

from shared.jobs.job import Job, JobStoppedError, Outcome, Progress, StaleLeaseError

__all__ = ["Job", "JobStoppedError", "Outcome", "Progress", "StaleLeaseError"]
