"""Head office: takes in what branches send, consolidates, analyses and oversees."""
