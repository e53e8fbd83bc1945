"""The dialects: what each gateway cannot do, how a Routing is written for it and read back."""
