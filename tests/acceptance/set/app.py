"""Something from most of the distributions, done rather than imported."""

import json
import os
import pwd

import numpy as np
import yaml
from cryptography.fernet import Fernet
from google.protobuf import timestamp_pb2
from PIL import Image
from pydantic import BaseModel
from sqlalchemy import create_engine, text


class Point(BaseModel):
    x: int


key = Fernet(Fernet.generate_key())
stamp = timestamp_pb2.Timestamp()
stamp.FromSeconds(86_400)
with create_engine("sqlite://").connect() as connection:
    answer = connection.execute(text("select 6 * 7")).scalar()
print(
    json.dumps(
        {
            "numpy": float(np.linalg.det(np.diag([2.0, 3.0]))),
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "yaml": yaml.load("a: [1, 2]", Loader=yaml.CSafeLoader),
            "cryptography": key.decrypt(key.encrypt(b"secret")).decode(),
            "protobuf": stamp.ToJsonString(),
            "pillow": Image.new("RGB", (2, 2), "red").resize((4, 4)).getpixel((3, 3)),
            "pydantic": Point(x="3").x,
            "sqlalchemy": answer,
        },
        sort_keys=True,
    )
)
