"""`condenser doctor`: gather what can be seen of the engine, judge it, show what is wrong and what mends it."""
