"""The gate: connections from anywhere in; C-STOREs for the spool and C-ECHOs out, within limits of its own.

One thread a connection, and nothing on it is believed: every length is checked before it is used, every read
has a deadline, and what a connection may hold is counted. Read it in this order:

* `line`: bytes of a connection, each within its deadline
* `pdu`: PDU and PDV heads (PS3.8 9.3)
* `negotiation`: A-ASSOCIATE (PS3.8 9.3.2, PS3.7 annex D), the only module that touches pynetdicom's inside
* `command`: DIMSE command sets (PS3.7 6.3.1, annex E)
* `association`: one association from its request to its end
* `room`: how many there may be, and who must go when it is full
* `tls`, `listening`: the accept loop
"""
