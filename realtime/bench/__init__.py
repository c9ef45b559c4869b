"""What the server is measured by: spoken questions, callers that ask them, and tables of what came out."""
