"""The sync endpoints: batches in, receipts out, refused records parked."""
