/*
title = "Mixpanel"
keeps = "every event, and when it was processed where mp_processing_time_ms was exported"
loses = "profiles, which are overwritten; properties are left out, a mapping may add them as attrs"

[objects.event]
names = ["event", "events", "export", "raw_export"]
needs = ["event", "time", "distinct_id"]
recorded = ["time", "processed_at"]
text.event = ["name"]
text.distinct_id = ["properties.distinct_id"]
text.insert_id = ["$insert_id", "properties.$insert_id"]
text.account_id = ["company_id", "organization_id", "workspace_id"]
text.email = ["$email"]
json.properties = []
time.time = ["properties.time"]
time.processed_at = ["mp_processing_time_ms", "properties.mp_processing_time_ms"]

[objects.profile]
names = ["people", "profile", "profiles", "engage", "user", "users"]
needs = ["distinct_id", "email"]
key = ["distinct_id"]
text.distinct_id = ["$distinct_id"]
text.email = ["$email", "$properties.$email"]
text.name = ["$name", "$properties.$name"]
json.properties = ["$properties"]
*/
-- table: accounts
WITH read AS (
  SELECT coalesce(account_id, first_of(properties, ['$.account_id', '$.company_id', '$.organization_id', '$.workspace_id', '$.tenant_id', '$.customer_id'])) AS account_id,
    coalesce(CASE WHEN processed_at >= TIMESTAMPTZ '2009-01-01 00:00:00+00' THEN processed_at END, least(time, _seen)) AS known_at
  FROM event
)
SELECT account_id AS source_id, account_id, min(known_at) AS known_at, 'event' AS known_basis, min(known_at) AS valid_from, account_id AS name
FROM read WHERE account_id IS NOT NULL AND known_at IS NOT NULL GROUP BY account_id
-- table: people
WITH read AS (
  SELECT distinct_id, coalesce(account_id, first_of(properties, ['$.account_id', '$.company_id', '$.organization_id', '$.workspace_id', '$.tenant_id', '$.customer_id'])) AS account_id,
    coalesce(CASE WHEN processed_at >= TIMESTAMPTZ '2009-01-01 00:00:00+00' THEN processed_at END, least(time, _seen)) AS known_at
  FROM event WHERE event NOT LIKE '$%' AND distinct_id NOT LIKE '$device:%'
)
SELECT distinct_id || coalesce(':' || account_id, '') AS source_id, account_id, distinct_id AS person_id, 'user' AS role, min(known_at) AS known_at,
  'event' AS known_basis, min(known_at) AS valid_from
FROM read WHERE known_at IS NOT NULL GROUP BY distinct_id, account_id
-- table: usage
WITH read AS MATERIALIZED ( -- the vendor names an event by these four; without an insert id, rows that are alike in everything are one
  SELECT md5(concat(event, '|', distinct_id, '|', epoch_us(time), '|', coalesce(insert_id, properties))) AS source_id, event, distinct_id, time, insert_id,
    coalesce(account_id, first_of(properties, ['$.account_id', '$.company_id', '$.organization_id', '$.workspace_id', '$.tenant_id', '$.customer_id'])) AS account_id,
    CASE WHEN processed_at >= TIMESTAMPTZ '2009-01-01 00:00:00+00' THEN processed_at END AS received_at, least(time, _seen) AS assumed_at
  FROM event
  WHERE event IS NOT NULL AND (event NOT LIKE '$%' OR event IN ('$session_start', '$ae_session', '$mp_web_page_view'))
), twice AS ( -- few events are: the rest need not meet each other
  SELECT hash(source_id) AS mark FROM read GROUP BY mark HAVING count(*) > 1
), once AS (
  SELECT source_id, account_id, distinct_id AS person_id, event, received_at, assumed_at, time AS event_time
  FROM read ANTI JOIN twice ON twice.mark = hash(source_id)
  UNION ALL
  SELECT source_id, min(account_id), min(distinct_id), min(event), min(received_at), min(assumed_at), min(time)
  FROM read SEMI JOIN twice ON twice.mark = hash(source_id) GROUP BY source_id
), kind AS (
  SELECT *, CASE WHEN event = '$ae_session' THEN 'login' ELSE usage_kind(event) END AS kind FROM once
)
SELECT source_id, account_id, person_id, coalesce(received_at, assumed_at) AS known_at, CASE WHEN received_at IS NULL THEN 'assumed' ELSE 'event' END AS known_basis,
  least(event_time, coalesce(received_at, assumed_at)) AS occurred_at, event, kind, CASE WHEN kind = 'feature' THEN event END AS feature
FROM kind WHERE coalesce(received_at, assumed_at) IS NOT NULL
-- table: identities
WITH who AS (
  SELECT DISTINCT distinct_id,
    coalesce(account_id, first_of(properties, ['$.account_id', '$.company_id', '$.organization_id', '$.workspace_id', '$.tenant_id', '$.customer_id'])) AS account_key,
    coalesce(email, first_of(properties, ['$."$email"', '$.email', '$.Email', '$.user_email'])) AS email,
    first_of(properties, ['$."$user_id"', '$.user_id']) AS user_id
  FROM event
)
SELECT 'person' AS kind, distinct_id AS source_key, account_key, user_id AS external_id, coalesce(email, CASE WHEN distinct_id LIKE '%_@_%._%' THEN distinct_id END) AS email, NULL AS name
FROM who WHERE distinct_id IS NOT NULL
UNION ALL
SELECT DISTINCT 'account', account_key, NULL, account_key, NULL, account_key FROM who WHERE account_key IS NOT NULL
UNION ALL
SELECT 'person', distinct_id, NULL, NULL, email, name FROM profile WHERE distinct_id IS NOT NULL
