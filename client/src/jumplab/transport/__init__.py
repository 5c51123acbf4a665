"""Tools for both ends of the wire: channels with TLS and identity, their errors, back-off, and the links of sessions.

It knows nothing of the messages on a channel, has no policy of reconnecting, and reads no configuration. Importing the
package is light: gRPC comes with the modules that open channels.
"""
