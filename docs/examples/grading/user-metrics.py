def calculate_user_metrics(users, start_date, end_date):
    """The engagement of the users who were active between two dates."""
    scored = []
    for user in users:
        if start_date <= user.get("last_login", "") <= end_date:
            scored.append((engagement(user), user))
    scored.sort(key=lambda pair: pair[0], reverse=True)
    total = sum(score for score, _ in scored)
    return {
        "average_engagement": total / len(scored) if scored else 0,
        "top_performers": [user for _, user in scored[:5]],
        "active_count": len(scored),
    }


def engagement(user):
    days = number(user, "days_active")
    raw = number(user, "posts") * 2 + number(user, "comments") * 1.5 + number(user, "likes") * 0.1
    return raw / days if days > 0 else 0


def number(user, key):
    value = user.get(key)
    return value if isinstance(value, (int, float)) else 0
