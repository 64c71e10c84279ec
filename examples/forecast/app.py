"""Fits a seasonal model to two years of made-up daily sales and forecasts the next week."""

import numpy as np
import pandas as pd
from scipy.stats import linregress
from sklearn.linear_model import Ridge

days = pd.date_range("2024-01-01", periods=730, freq="D")
noise = np.random.default_rng(7).normal(0, 3, len(days))
sales = pd.Series(100 + 0.05 * np.arange(len(days)) + 12 * (days.dayofweek >= 5) + noise, index=days)


def features(index, start):
    steps = np.arange(start, start + len(index))
    weekdays = pd.get_dummies(index.dayofweek).reindex(columns=range(7), fill_value=0).to_numpy(float)
    return np.column_stack([steps, weekdays])


model = Ridge().fit(features(days, 0), sales)
coming = pd.date_range(days[-1] + pd.Timedelta(days=1), periods=7, freq="D")
forecast = pd.Series(model.predict(features(coming, len(days))), index=coming).round(1)
trend = linregress(np.arange(len(sales)), sales.to_numpy())
print(f"trend {trend.slope:+.3f} a day, r = {trend.rvalue:.2f}")
print(forecast.rename("sales").to_string())
