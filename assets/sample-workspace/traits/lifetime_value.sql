-- What a person has paid, less what was refunded.
SELECT
  profile_id,
  round(sum(CASE WHEN event = 'Order Completed' THEN revenue ELSE -revenue END), 2) AS lifetime_value
FROM events
WHERE event IN ('Order Completed', 'Order Refunded')
GROUP BY profile_id
