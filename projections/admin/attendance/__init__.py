"""The pages of attendance: sheets of any span, scheduled reports, and final reports with their annotations."""
