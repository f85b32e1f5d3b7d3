"""The Elman network: its settings, weights, recurrence and hand-written gradients."""
