-- events joined with a warehouse, per profile
SELECT p.user_id, a.plan, count(*) AS orders, sum(e.revenue) AS revenue
FROM profiles AS p
JOIN events AS e ON e.profile_id = p.profile_id AND e.event = 'Order Completed'
JOIN crm.accounts AS a ON a.user_id = p.user_id
WHERE e.timestamp <= now()
GROUP BY p.user_id, a.plan
ORDER BY p.user_id, a.plan

-- traits and audiences are tables
SELECT b.profile_id, l.lifetime_value, o.orders_14_days
FROM audiences.buyers AS b
JOIN traits.lifetime_value AS l ON l.profile_id = b.profile_id
JOIN traits.orders_14_days AS o ON o.profile_id = b.profile_id
ORDER BY b.profile_id

-- now() is the time of evaluation
SELECT now() AS t, now() - INTERVAL '1 month' AS month_before, CAST(now() AS DATE) AS day

-- a window ends at the time of evaluation
SELECT count(*) AS within FROM events WHERE timestamp > now() - INTERVAL '3 days' AND timestamp <= now()

-- with, window functions and nested results
WITH ranked AS (
  SELECT profile_id, revenue, row_number() OVER (PARTITION BY profile_id ORDER BY revenue DESC) AS place
  FROM events
  WHERE event = 'Order Completed'
)
SELECT profile_id, revenue, [place, 0] AS list, {revenue: revenue} AS object FROM ranked WHERE place = 1 ORDER BY profile_id

-- text keeps its case, and so do names
SELECT category, upper(category) AS "Upper Case" FROM events WHERE category LIKE 'it''s%'

-- nulls, numbers and times as text
SELECT NULL AS nothing, 0.1 + 0.2 AS sum, 10 / 4 AS whole, 10 / 4.0 AS part, 1e21 AS large, DATE '2025-01-31' AS day,
  TIMESTAMP '2025-01-31 08:00:00' AS moment

-- what can be read is shown
SHOW TABLES

-- columns are described
DESCRIBE crm.accounts
