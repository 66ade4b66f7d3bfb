"""Holds code against the equations: oracle, inputs, tolerances, checks, reports."""
