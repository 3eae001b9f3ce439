"""The project that the servers run. A client joins the rooms it asks for, and gets the members of each."""
