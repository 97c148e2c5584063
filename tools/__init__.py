"""What an operator runs by hand, against a deployed stack or before there is one, and what keeps the README true."""
