-- Rows received, repeated and late by hour, the last 2 days
select date_trunc('hour', minute) as hour, site, sum(received) as received, sum(duplicates) as duplicates,
    sum(late) as late
from intake
where minute >= localtimestamp - interval '2' day
group by 1, 2
order by 1, 2
