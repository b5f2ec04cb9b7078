"""The journal: which connections the backend is still owed a DELETE for, kept so that a crash does not forget them."""
