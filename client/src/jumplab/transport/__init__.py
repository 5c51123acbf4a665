"""What both ends of the wire need: channels with TLS and identity, their errors, back-off, and the links of sessions.

It never knows what is said over a channel, holds no policy of reconnecting, and reads no configuration. Importing the
package is light: gRPC comes with the modules that open channels.
"""

import os

# gRPC writes to standard error what its errors say anyway, in the middle of a user's console; it reads this once, when
# it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# Without its event engine, gRPC takes messages from the socket in the thread that waits for them: half the thread
# switches, and a third less time for each message (docs/decisions/what-a-call-costs.md). Read once as well.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")
