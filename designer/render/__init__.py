"""What people and other programs read: pure functions from results to text."""
