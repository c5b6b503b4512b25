"""`condenser doctor`: observe the engine and its machine, judge the observations, show problems and their fixes."""
