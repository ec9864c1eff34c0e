"""What people see of the proof: which branches HQ equals, what differed, and which days are complete."""
