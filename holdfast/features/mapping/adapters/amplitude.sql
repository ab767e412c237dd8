/*
title = "Amplitude"
keeps = "every event, and when the server received it"
loses = "events of before it was switched on; properties are left out, a mapping may add them as attrs"

[objects.event]
names = ["event", "events", "amplitude_event", "export"]
needs = ["event_type", "event_time", "user_id"]
recorded = ["server_upload_time", "server_received_time"]
text.insert_id = ["$insert_id", "_insert_id"]
text.uuid = []
text.event_type = []
text.user_id = []
text.amplitude_id = []
text.device_id = []
json.groups = []
json.user_properties = []
json.event_properties = []
time.event_time = []
time.server_upload_time = []
time.server_received_time = []
*/
-- table: accounts
SELECT account_id AS source_id, account_id, min(known_at) AS known_at, 'event' AS known_basis, min(known_at) AS valid_from, account_id AS name
FROM (SELECT group_key(groups) AS account_id, coalesce(server_upload_time, server_received_time, least(event_time, _seen)) AS known_at FROM event)
WHERE account_id IS NOT NULL AND known_at IS NOT NULL GROUP BY account_id
-- table: people
SELECT user_id || coalesce(':' || account_id, '') AS source_id, account_id, user_id AS person_id, 'user' AS role, min(known_at) AS known_at,
  'event' AS known_basis, min(known_at) AS valid_from
FROM (
  SELECT user_id, group_key(groups) AS account_id, coalesce(server_upload_time, server_received_time, least(event_time, _seen)) AS known_at
  FROM event WHERE event_type NOT LIKE '$%'
)
WHERE user_id IS NOT NULL AND known_at IS NOT NULL GROUP BY user_id, account_id
-- table: usage
WITH read AS MATERIALIZED (
  SELECT
    coalesce(insert_id || ':' || coalesce(device_id, user_id, ''), uuid, -- without either, rows that are alike in everything are one
      md5(concat(event_type, '|', user_id, '|', amplitude_id, '|', device_id, '|', epoch_us(event_time), '|', epoch_us(server_upload_time), '|', event_properties, '|', groups))) AS source_id,
    group_key(groups) AS account_id, coalesce(user_id, amplitude_id, device_id) AS person_id, event_type AS event,
    coalesce(server_upload_time, server_received_time) AS received_at, least(event_time, _seen) AS assumed_at, event_time
  FROM event
  WHERE event_type IS NOT NULL AND (event_type NOT LIKE '$%' OR event_type = '$session_start') AND event_type NOT IN ('session_end', '[Amplitude] End Session')
), twice AS ( -- few events are: the rest need not meet each other
  SELECT hash(source_id) AS mark FROM read GROUP BY mark HAVING count(*) > 1
), once AS (
  SELECT source_id, account_id, person_id, event, received_at, assumed_at, event_time AS event_time
  FROM read ANTI JOIN twice ON twice.mark = hash(source_id)
  UNION ALL
  SELECT source_id, min(account_id), min(person_id), min(event), min(received_at), min(assumed_at), min(event_time)
  FROM read SEMI JOIN twice ON twice.mark = hash(source_id) GROUP BY source_id
), kind AS (
  SELECT *, CASE WHEN event = '[Amplitude] Start Session' THEN 'login' ELSE usage_kind(event) END AS kind FROM once
)
SELECT source_id, account_id, person_id, coalesce(received_at, assumed_at) AS known_at, CASE WHEN received_at IS NULL THEN 'assumed' ELSE 'event' END AS known_basis,
  least(event_time, coalesce(received_at, assumed_at)) AS occurred_at, event, kind, CASE WHEN kind = 'feature' THEN event END AS feature
FROM kind WHERE coalesce(received_at, assumed_at) IS NOT NULL
-- table: identities
WITH who AS (
  SELECT DISTINCT user_id, coalesce(user_id, amplitude_id, device_id) AS source_key, group_key(groups) AS account_key,
    first_of(user_properties, ['$.email', '$.Email', '$."$email"', '$.user_email']) AS email
  FROM event
)
SELECT 'person' AS kind, source_key, account_key, NULL AS external_id, coalesce(email, CASE WHEN user_id LIKE '%_@_%._%' THEN user_id END) AS email, NULL AS name
FROM who WHERE source_key IS NOT NULL
UNION ALL
SELECT DISTINCT 'account', account_key, NULL, account_key, NULL, account_key FROM who WHERE account_key IS NOT NULL
