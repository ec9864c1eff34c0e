"""Where one record stands at HQ: which batch brought it, whether it is parked, which figures hold it."""
