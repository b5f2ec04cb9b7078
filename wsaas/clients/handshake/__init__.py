"""A client's connection before its 101: the request head, the credentials, the policy, the answer."""
