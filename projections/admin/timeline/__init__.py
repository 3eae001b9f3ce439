"""The timeline: the stays of a room or a user in a span of time, as a drawing, a table and a file."""
