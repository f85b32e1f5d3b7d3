"""Replicas of any module, trained together."""
