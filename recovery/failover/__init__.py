"""Failover and failback: who is primary, how the other is kept from writing, what was lost, and the steps between."""
