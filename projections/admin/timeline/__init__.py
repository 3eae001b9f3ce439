"""The timeline: the stays of a room or a user in a span, as a drawing, a table and a CSV file."""
