"""A report over a year of orders, as a web page. Run as a program it answers one request itself and prints it."""

import numpy as np
import pandas as pd
from flask import Flask

app = Flask(__name__)


def orders() -> pd.DataFrame:
    """Made up, and the same each time."""
    rng = np.random.default_rng(2024)
    days = pd.date_range("2024-01-01", "2024-12-31", freq="D")
    return pd.DataFrame(
        {
            "day": rng.choice(days, 5_000),
            "region": rng.choice(["north", "south", "west"], 5_000, p=[0.5, 0.3, 0.2]),
            "amount": rng.gamma(2.0, 40.0, 5_000).round(2),
        }
    )


@app.get("/report")
def report():
    table = orders()
    quarters = table.pivot_table(
        index=table["day"].dt.quarter, columns="region", values="amount", aggfunc="sum", observed=True
    )
    return {
        "orders": len(table),
        "total": round(float(table["amount"].sum()), 2),
        "quarters": {f"Q{quarter}": row.round().astype(int).to_dict() for quarter, row in quarters.iterrows()},
    }


if __name__ == "__main__":
    print(app.test_client().get("/report").get_data(as_text=True), end="")
