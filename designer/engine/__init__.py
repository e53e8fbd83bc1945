"""Decides about live calls: `step` is pure, its drivers (trace, simulator, runtime) do the rest.

Nothing in this package reads a clock, draws a random number or touches a network or a file, and
nothing knows a gateway's name: what differs between gateways is data (`Semantics`).
"""
