"""The words the made-up company is put together from: names of people, firms, streets and products."""

from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@dataclass(frozen=True)
class Place:
    """A district of a branch's city by its GB/T 2260 code."""

    code: str
    name: str


@dataclass(frozen=True)
class BranchPlan:
    """One branch of the made-up company; `encoding` is what its old system writes files in."""

    code: str
    name: str
    city: str
    area_code: str
    weight: float
    encoding: str
    places: tuple[Place, ...]


HANGZHOU = BranchPlan(
    "B001",
    "杭州分公司",
    "杭州",
    "0571",
    1.2,
    "utf-8-sig",
    (
        Place("330102", "上城区"),
        Place("330105", "拱墅区"),
        Place("330106", "西湖区"),
        Place("330108", "滨江区"),
        Place("330109", "萧山区"),
        Place("330110", "余杭区"),
    ),
)
CHENGDU = BranchPlan(
    "B002",
    "成都分公司",
    "成都",
    "028",
    1.0,
    "utf-8-sig",
    (
        Place("510104", "锦江区"),
        Place("510105", "青羊区"),
        Place("510106", "金牛区"),
        Place("510107", "武侯区"),
        Place("510108", "成华区"),
        Place("510112", "龙泉驿区"),
    ),
)
XIAN = BranchPlan(
    "B003",
    "西安分公司",
    "西安",
    "029",
    0.8,
    "gb18030",
    (
        Place("610102", "新城区"),
        Place("610103", "碑林区"),
        Place("610104", "莲湖区"),
        Place("610112", "未央区"),
        Place("610113", "雁塔区"),
        Place("610116", "长安区"),
    ),
)
BRANCHES = (HANGZHOU, CHENGDU, XIAN)

# Common surnames first; the last line holds those that read otherwise as a surname than as a word.
SURNAMES = tuple(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林郑谢罗梁宋唐许韩冯邓彭萧田董潘袁蔡蒋余于杜叶程魏苏吕丁沈姚卢"
)
RARE_SURNAMES = ("单", "曾", "解", "仇", "区", "查", "朴", "盖", "翟", "尉迟", "欧阳", "上官", "司马", "诸葛")
GIVEN_MALE = _words(
    """
    伟 强 磊 军 洋 勇 杰 涛 超 明 刚 平 辉 鹏 华 飞 鑫 波 斌 宇 浩 凯 健 俊 帆 帅 旭 宁 龙 林 建国 建华
    志强 志明 国强 浩然 子轩 宇航 俊杰 文博 天佑 家豪 嘉诚 思远 博文 明哲 海涛 晓东 立群 永福 德胜 春生
    """
)
GIVEN_FEMALE = _words(
    """
    芳 娜 敏 静 丽 艳 娟 霞 秀英 玲 燕 红 梅 莉 兰 凤 洁 萍 倩 琳 云 雪 婷 慧 晶 欣 怡 蕾 薇 颖 桂英
    秀兰 玉兰 淑珍 雨涵 欣怡 梓涵 诗琪 佳怡 思雨 晓燕 雅婷 静怡 美玲 海燕 春梅 丽华 文静 若曦 乐瑶
    """
)

FIRM_BRANDS = _words(
    """
    澜沁 禾砚 昱川 泊远 沐风 砺石 青屿 云麓 锦禾 恒岳 融澈 启岚 卓嘉 瀚辰 万顷 和朴 星垣 嘉木 鼎沃 朗逸
    森洲 聚微 博奕 千寻 安澜 华砚 同泽 远帆 诚毅 瑞桐
    """
)
FIRM_TRADES = _words(
    """
    智能科技 信息技术 软件 电子商务 物流 供应链管理 餐饮管理 酒店管理 机械制造 精密仪器 新材料 医疗器械
    生物科技 建筑工程 装饰设计 文化传媒 教育咨询 农业发展 食品 服饰 汽车服务 物业管理 环保科技 纺织
    """
)
FIRM_FORMS = {
    "有限公司": 70,
    "股份有限公司": 8,
    "有限责任公司": 12,
    "集团有限公司": 5,
}  # and how common each is
INSTITUTIONS = ("实验学校", "职业学院", "康复医院", "幼儿园", "博物馆")
STREETS = _words(
    """
    文一路 学院路 解放路 建设路 人民路 和平路 滨河路 科创路 锦绣路 朝阳街 长乐街 兴业街 青年路 东风路
    春晓路 金桂街
    """
)
ESTATES = _words(
    """
    锦绣花园 阳光新城 翠苑小区 绿城家园 江南春晓 金色年华 学府雅居 和平里 梧桐苑 滨水华庭
    """
)

TAGS_INDIVIDUAL = _words(
    """
    高流量 宽带用户 老客户 合约到期 校园 银发 夜间话务 国际漫游 电子账单 易流失 推荐人 亲情网
    """
)
TAGS_GROUP = _words(
    """
    专线 云业务 重点客户 政企 连锁门店 物联网 年度框架 招投标 续约谈判 多分支机构
    """
)
REMARKS = (
    "上门请先电话预约",
    "财务每月 20 日前对账",
    "只在工作日联系",
    "希望合并账单",
    "联系人常出差，微信回复快",
    "曾投诉信号，已处理",
    "由老客户介绍",
    "家中有老人，请说慢一些",
)
POSTS = {"客户经理": 12, "高级客户经理": 5, "首席客户经理": 2, "客户代表": 4}  # and how common each is
LEVELS = {"客户代表": "初级", "客户经理": "中级", "高级客户经理": "高级", "首席客户经理": "资深"}
DEPARTMENTS = ("个人客户部", "集团客户部", "校园渠道部", "商务客户部")


@dataclass(frozen=True)
class Product:
    """Something on sale: its monthly price range in fen, for whom, and how often it is taken."""

    name: str
    cheapest: int
    dearest: int
    share: float


PLANS_INDIVIDUAL = (
    Product("5G畅享套餐", 9900, 29900, 0.42),
    Product("4G飞享套餐", 3800, 8800, 0.33),
    Product("银发关爱套餐", 1900, 2900, 0.10),
    Product("校园青春卡", 2900, 5900, 0.15),
)
EXTRAS_INDIVIDUAL = (
    Product("家庭宽带", 6000, 12900, 0.30),
    Product("互联网电视", 1000, 3000, 0.12),
    Product("国际漫游", 3000, 60000, 0.02),
)
PLANS_GROUP = (
    Product("企业宽带", 29900, 199900, 0.45),
    Product("互联网专线", 300000, 1800000, 0.25),
    Product("集团V网", 50000, 400000, 0.30),
)
EXTRAS_GROUP = (
    Product("云主机", 80000, 900000, 0.22),
    Product("物联网卡", 20000, 300000, 0.15),
    Product("企业短信", 5000, 80000, 0.18),
)

WORK_TEXTS = {
    "visit": (
        "上门拜访，了解{product}使用情况，客户表示满意",
        "走访客户，介绍{product}升级方案，客户考虑中",
        "现场查看信号覆盖，约定下周安装室分",
        "送达对账单并核对上月费用，双方确认无误",
        "拜访负责人，商谈{product}续约，对方希望价格再优惠",
        "看望老客户，登记新的联系人和办公地址",
    ),
    "call": (
        "电话回访{product}使用感受，客户反映晚间网速偏慢，已报障",
        "提醒客户本月账单未缴，客户答应三天内缴清",
        "电话介绍{product}，客户暂无需求",
        "电话确认合约到期时间，预约上门",
        "回访投诉处理结果，客户认可",
    ),
    "message": ("微信发送{product}资料", "短信提醒账单日", "微信回复流量查询", "节日问候并告知优惠活动"),
    "service": (
        "协助办理{product}变更",
        "代办补换卡",
        "处理{product}故障，已恢复",
        "协助开具增值税发票",
        "调整账单寄送地址",
    ),
    "meeting": ("部门周例会", "重点客户分析会", "季度经营分析会", "与网络部协调专线开通"),
    "training": ("新产品培训", "服务规范学习", "信息安全培训"),
    "other": ("整理客户档案", "准备投标材料", "外出办理合同用印"),
}
