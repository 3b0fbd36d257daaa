-- Paid 500 or more in all, and ordered in the last 30 days. Any SELECT whose first column is profile_id is an audience.
SELECT value.profile_id
FROM traits.lifetime_value AS value
WHERE value.lifetime_value >= 500
  AND value.profile_id IN (
    SELECT profile_id
    FROM events
    WHERE event = 'Order Completed' AND timestamp > now() - INTERVAL '30 days'
  )
