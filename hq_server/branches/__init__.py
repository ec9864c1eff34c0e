"""Which branches exist, their enrolment, keys and link state."""
