"""Speed and memory of what recovery does, against a real rival in the same run; figures of one machine, as ratios."""
