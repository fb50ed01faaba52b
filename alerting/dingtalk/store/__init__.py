"""The outbox and the ledger: what was received, what became of it, and what each robot may still send."""
