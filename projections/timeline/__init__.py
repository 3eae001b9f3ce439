"""What the admin's timeline is about: stays of a room or a user in a span of time, and who was there at a moment.

It reads stays and users and knows nothing of pages; `projections.admin.timeline` shows what it finds.
"""
