"""The checks: a small pure function each, from the observations to a finding, or to None if it does not apply."""
