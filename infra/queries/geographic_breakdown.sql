-- Events and sessions by country, the last 7 days
select coalesce(country, 'unknown') as country, count(*) as events, count(distinct session_key) as sessions
from events
where ts >= localtimestamp - interval '7' day and not is_bot
group by 1
order by events desc
