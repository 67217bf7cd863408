# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
import sys

import httpx

to, me = sys.argv[1:]
with httpx.Client(http2=True, base_url=to, headers={"authorization": f"Bearer s3cret-{me}"}) as client:
    for response in (
        client.get("/greeting", params={"client": me}),
        client.post("/orders", json={"client": me, "items": [1, 2], "password": f"hunter2-{me}"}),
    ):
        print(response.http_version, response.status_code, response.text)
