"""Sends webhooks: the frequent ones straight over the pool, the others by treq over the same pool."""

from __future__ import annotations
