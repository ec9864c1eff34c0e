"""The one search box: kinds of records add themselves to it, each app names them."""
