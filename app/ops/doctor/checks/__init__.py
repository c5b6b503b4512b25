"""The checks: one small pure function each, from the observations to a finding, or to None where it does not apply."""
