"""What both ends of the wire need: channels with TLS and identity, their errors, back-off, and the links of sessions.

It never knows what is said over a channel, holds no policy of reconnecting, and reads no configuration. Importing the
package is light: gRPC comes with the modules that open channels.
"""
