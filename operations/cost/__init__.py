"""What a deployment costs a month, read off its templates and a dated table of prices."""
