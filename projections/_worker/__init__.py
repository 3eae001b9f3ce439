"""The long-running worker: delivers signals from the log, detects dead servers and prunes."""
