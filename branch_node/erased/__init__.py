"""Who was erased: below all slices that write about customers, so that each of them can ask."""
