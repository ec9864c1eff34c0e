"""The wire contract: messages, records, canonical form, digests and signatures; knows nothing of ours but itself."""
