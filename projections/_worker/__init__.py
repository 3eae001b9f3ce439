"""The long-running worker: sends signals from the log, detects dead servers and prunes."""
