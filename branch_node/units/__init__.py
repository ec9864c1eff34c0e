"""Tracked units of the branch's customers: whose they were and are, repairs, complaints, recalls."""
