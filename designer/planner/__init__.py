"""Decides: which deployments serve each alias, in which order, on which gateway, and why.

Reasons are kept as data. It prices and compares with the catalog's facts and never writes a file.
"""
