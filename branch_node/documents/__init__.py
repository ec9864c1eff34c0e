"""Documents of a customer: scans of contracts, licences, papers, photos and letters, each with its versions."""
